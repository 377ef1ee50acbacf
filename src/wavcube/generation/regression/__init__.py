"""Latents of clean speech regressed from a recording in which it is mixed with something.

Enhancement and separation share it; a tool adds its own network, data, objective and evaluation. In the order the data
flows: config, spans (windows over long recordings), model, encoding, masks, pipeline; training and evaluation.
"""
