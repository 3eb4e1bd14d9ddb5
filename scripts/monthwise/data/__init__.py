"""Read, clean and count monthly data: tables, columns, ids, zones, features, quality."""
