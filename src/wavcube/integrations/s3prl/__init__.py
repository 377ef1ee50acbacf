"""WavCube as an s3prl upstream."""
