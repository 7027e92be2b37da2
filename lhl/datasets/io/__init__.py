"""Reading files: arrays, pictures, archives and lists, without trusting what they hold."""
