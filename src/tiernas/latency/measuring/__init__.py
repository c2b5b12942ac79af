"""Measures one network interleaved with an anchor of its size: end to end, by layer, or against another network."""
