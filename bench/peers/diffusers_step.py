"""A contender of `run.ts`: a guided step of diffusers in float32. Usage: python diffusers_step.py PIPELINE, a folder in diffusers' layout."""
import sys
import time

import torch
from diffusers import PNDMScheduler, UNet2DConditionModel

torch.set_num_threads(2)
unet = UNet2DConditionModel.from_pretrained(sys.argv[1], subfolder='unet', torch_dtype=torch.float32).eval()
scheduler = PNDMScheduler.from_pretrained(sys.argv[1], subfolder='scheduler')
scheduler.set_timesteps(30)
latents, states = torch.randn(1, 4, 64, 64), torch.randn(2, 77, 768)
print('{"ready": true}', flush=True)
at = 0
for _ in sys.stdin:
    if at == len(scheduler.timesteps):
        scheduler.set_timesteps(30)
        latents, at = torch.randn(1, 4, 64, 64), 0
    start = time.perf_counter()
    with torch.inference_mode():
        plain, told = unet(torch.cat([latents] * 2), scheduler.timesteps[at], encoder_hidden_states=states, return_dict=False)[0].chunk(2)
        latents = scheduler.step(plain + 7.5 * (told - plain), scheduler.timesteps[at], latents).prev_sample
    print('{"milliseconds": %f}' % (1000 * (time.perf_counter() - start)), flush=True)
    at += 1
