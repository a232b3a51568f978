"""What is kept for a limited time, what is left over, and taking both away.

Everything on a disk is known to the store before it is made: devboxes, snapshots, outputs. So what the store does not
know, or knows to be of a run that has ended, can go. Whoever makes something new that lasts adds it to the survey.
More: docs/decisions/0005-what-is-kept.md.
"""
