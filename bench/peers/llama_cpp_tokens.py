"""A contender of `run.ts`: llama.cpp, by the package xllamacpp. Usage: python llama_cpp_tokens.py MODEL.gguf"""
import json
import sys

import xllamacpp

TOKENS = 32

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.n_ctx = 2048
parameters.n_parallel = 1
parameters.cpuparams.n_threads = 2
parameters.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(parameters)
print('{"ready": true}', flush=True)
for line in sys.stdin:
    length = json.loads(line).get('context', 64) - TOKENS // 2
    answer = server.handle_completions({'prompt': [1000 + index * 37 % 9000 for index in range(length)], 'n_predict': TOKENS, 'ignore_eos': True, 'temperature': 0, 'cache_prompt': True})
    answer = json.loads(answer) if isinstance(answer, (str, bytes)) else answer
    # Of the tokens alone, by its own clock.
    print(json.dumps({'milliseconds': answer['timings']['predicted_per_token_ms']}), flush=True)
