from .metric import mean_iou
