"""What trains and scores one phase: mmengine's Runner and the parts it is built from."""
