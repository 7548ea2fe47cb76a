"""Files of object stores and servers, named by addresses (``s3://bucket/file``), read through fsspec."""
