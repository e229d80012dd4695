def locate(root, download=False): raise NotImplementedError
