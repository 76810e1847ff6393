"""The 15 common corruptions of Hendrycks & Dietterich (ICLR 2019), generated or read from their official files."""
