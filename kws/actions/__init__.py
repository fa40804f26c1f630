"""Define what a detection can trigger.

kinds: an action and its four effects (command, webhook, sound, Python function);
config_file: the TOML file that lists actions; time_limit: timeouts of processes and threads.
The stage that runs them is kws.action.Actions.
"""
