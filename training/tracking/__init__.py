"""What a training records: running means, TensorBoard logs, HTML reports."""
