"""Read, clean and count monthly data: tables, columns, categories, targets, features, quality."""
