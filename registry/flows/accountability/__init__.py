"""What an auditor or an authority is shown: records of processing, breach impact, proofs."""
