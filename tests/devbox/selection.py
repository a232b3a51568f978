"""The tests of the contract that containers pass in the default suite; all of them do with --full-size."""

DOCKER = ("test_the_streams_are_apart_and_bytes_stay_bytes",)

PODMAN = ("test_the_streams_are_apart_and_bytes_stay_bytes",)
