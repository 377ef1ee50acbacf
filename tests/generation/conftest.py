import torch

# Threads of tiny operations wait for each other longer than they compute, all the more where tests run in parallel.
torch.set_num_threads(1)
