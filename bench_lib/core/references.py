"""Names of references, as records keep them; a report says each in words."""

PYTORCH_FP64 = "PyTorch fp64"
PYTORCH_FP32 = "PyTorch fp32"
ONNX_FILE = "ONNX Runtime CPU fp32"
QUANTIZED_FILE = "ONNX Runtime CPU, the quantized file as it is"
BY_STANDARD = "onnx.reference"
