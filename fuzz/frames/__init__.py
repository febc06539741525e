"""HTTP/2 connections as no library would make them, beside another client that is watched."""
