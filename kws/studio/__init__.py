"""Serve kws studio, a local web application over the functions of the command line.

server, application, access: who may ask what; workspace: where files are; event_log: what a page
is sent as it happens; request_body: bounded input; one module of routes per page. The pages are
static/, plain ES modules and CSS without a build step; their texts are in static/texts.js.
"""
