"""Running a loaded model: the choice of runtime, CPU optimisation, parallel chunks, ONNX and OpenVINO export."""
