"""What ``gateway doctor`` and ``gateway setup`` look at, and what they put right."""
