"""Manifests for the public corpora of the paper, and for any folder, from what is on disk; nothing is downloaded.

Read in this order: corpus, folder, libri (librispeech, libritts), check, manifest, tables; libriheavy.
"""
