"""Tables, columns, ids, zones and what is counted of them."""
