"""People by a model in an ONNX file: semantic maps, label maps and instances, run by ONNX Runtime."""
