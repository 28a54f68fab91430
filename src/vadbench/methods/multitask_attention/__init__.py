"""multitask_attention: the next frame's classes, and motion with attention to where and whither."""
