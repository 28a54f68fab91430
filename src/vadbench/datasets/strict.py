"""How FFmpeg is told to refuse damaged pictures."""

__all__ = ["STRICT"]

# Without it FFmpeg patches damaged frames up from their neighbours and says nothing.
STRICT = {"err_detect": "crccheck+bitstream+buffer+explode"}
