import "descent-ml/webgpu";
