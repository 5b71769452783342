"""Old imports: see the folder above."""
