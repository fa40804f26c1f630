"""Serve wake words to Home Assistant and others, by the Wyoming protocol.

address: where a server listens; event_reader, pcm: what a client sends, in bounds; wake_words: the
models and what each word is called; connection: the answers to one client, without any I/O;
socket_server, stdio_server: the same over TCP, a Unix socket and the standard streams; discovery:
how Home Assistant finds the server; probe: how a health check does.
"""
