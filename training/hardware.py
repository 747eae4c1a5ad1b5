"""What this machine multiplies fastest. Knows no model."""
import torch

#: bf16 where the processor has instructions for it; elsewhere it is emulated and four times slower than float32 (measured: 54 against 200 GFLOP/s on two cores).
FAST_KIND = torch.bfloat16 if torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported() else torch.float32
