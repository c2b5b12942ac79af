"""What one network takes: measured in turn with an anchor of its size, as a whole, by layer, or against another one."""
