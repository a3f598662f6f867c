"""engine/embedded"""
