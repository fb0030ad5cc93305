"""HTTP itself: headers, limits, middleware, multipart forms, uploads."""
