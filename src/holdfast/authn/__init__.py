"""Who is asking: signatures, their canonical forms, and bodies that verify while they are read."""
