"""The face of the package: what it gives to the host."""

from musekit.api import SettingsSection, hookimpl
from passivepost_platform_example.platform import ExamplePlatform
from passivepost_platform_example.settings import ExampleSettings


@hookimpl
def musekit_register_settings():
    return [SettingsSection(model=ExampleSettings)]


@hookimpl
def passivepost_register_platforms(host):
    return [ExamplePlatform(host.settings_of(ExampleSettings))]
