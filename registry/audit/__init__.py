"""The audit log's rules: entries, an RFC 6962 Merkle tree over them, checkpoints, and the verifier.

It promises: an entry that is changed, removed, reordered or cut off is found from the last
checkpoint that an auditor kept; erasing people leaves every proof valid, because a leaf holds only
commitments to what is personal. Signing and storing are other rooms'.
"""
