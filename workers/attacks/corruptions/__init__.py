"""The 15 common corruptions of Hendrycks & Dietterich (ICLR 2019): made, or read from their files."""
