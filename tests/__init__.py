"""The tests of xdl; they mirror its folders."""
