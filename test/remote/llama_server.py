"""llama.cpp's own server (from the package xllamacpp) on loopback, with a GGUF file and a chat template that has a place for tools.

Usage: python llama_server.py MODEL.gguf [PORT]; prints the address once it listens; ends with SIGTERM.
"""

import signal
import sys

import xllamacpp

# ChatML with tools, and examples of calls for a model too small to follow a description. llama.cpp finds the format of a call in it
# (lines between <tool_call> and </tool_call>), and holds calls to the schemas of the tools by a grammar.
TEMPLATE = """{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}
{%- if tools %}
    {%- for tool in tools %}
        {%- for thing in ['a yellow boat', 'two green birds', 'a dog that barks'] %}
            {{- '<|im_start|>user\\nI want to have ' + thing + ', please.' + '<|im_end|>\\n<|im_start|>assistant\\n' }}
            {{- '<tool_call>\\n{"name": "' + tool.function.name + '", "arguments": ' }}{{- {'prompt': thing} | tojson }}{{- '}\\n</tool_call><|im_end|>\\n' }}
        {%- endfor %}
    {%- endfor %}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if message.content %}{{- message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '<tool_call>\\n{"name": "' + tool_call.name + '", "arguments": ' }}{{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>system\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.model_alias = {"smollm2"}
parameters.hostnames = ["127.0.0.1"]
parameters.port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
parameters.n_ctx = 4096
parameters.n_parallel = 1
# More threads than free cores wait for each other without sleep.
parameters.cpuparams.n_threads = 1
parameters.cpuparams_batch.n_threads = 1
parameters.n_threads_http = 4
parameters.use_jinja = True
parameters.chat_template = TEMPLATE
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
signal.sigwait([signal.SIGTERM, signal.SIGINT])
