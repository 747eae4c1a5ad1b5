"""A contender of `run.ts`: a guided step of stable-diffusion.cpp, by the package stable-diffusion-cpp-python. Usage: python stable_diffusion_cpp_step.py PIPELINE, a folder in diffusers' layout.

Its sampler calls back after each step; there it waits until the next one is asked for, so that nothing but steps is timed and no picture is decoded.
"""
import json
import os
import sys
import time

from stable_diffusion_cpp import StableDiffusion

# Its messages go to the other stream.
lines = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)
started = None


def say(what: dict) -> None:
    lines.write(json.dumps(what) + '\n')
    lines.flush()


def after(step: int, steps: int, seconds: float) -> None:
    global started
    if step == 0:
        return
    # The first step warms it up.
    say({'ready': True} if started is None else {'milliseconds': 1000 * (time.perf_counter() - started)})
    if not sys.stdin.readline():
        os._exit(0)
    started = time.perf_counter()


model = StableDiffusion(model_path=sys.argv[1], n_threads=2, wtype='f32', vae_decode_only=True, verbose=False)
model.generate_image(prompt='a red cat', width=512, height=512, cfg_scale=7.5, sample_steps=60, sample_method='euler', progress_callback=after)
