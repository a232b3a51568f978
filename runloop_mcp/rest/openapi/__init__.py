"""The OpenAPI document, made from the routes and the models that they take and give."""
