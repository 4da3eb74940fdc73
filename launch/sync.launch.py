"""Starts the FileSync node: `ros2 launch filesync sync.launch.py config:=/etc/filesync/filesync.yaml`."""

from shutil import which

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.utilities import prefix_namespace

# Launch itself leaves its nodes behind when it is ended by anything but SIGINT.
ENDS_WITH_LAUNCH = 'setpriv --pdeathsig TERM'


def make_node(context):
    """Return the node; an argument that was left empty is not handed on, so that the node's own default holds."""
    config = LaunchConfiguration('config').perform(context)
    params_file = LaunchConfiguration('params_file').perform(context)
    parameters = [params_file] if params_file else []
    if config:
        parameters.append({'config': config})
    namespace = LaunchConfiguration('namespace').perform(context)
    # Where this file is included, namespaces may have been pushed before.
    full = prefix_namespace(context.launch_configurations.get('ros_namespace'), namespace)
    logger = '.'.join([*full.strip('/').split('/'), 'filesync']).lstrip('.')
    level = LaunchConfiguration('log_level').perform(context)
    return [
        Node(
            package='filesync',
            executable='filesync',
            name='filesync',
            namespace=namespace,
            parameters=parameters,
            ros_arguments=['--log-level', f'{logger}:={level}'],
            output='screen',
            sigterm_timeout='8',
            prefix=ENDS_WITH_LAUNCH if which('setpriv') else None,
        )
    ]


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument(
            'config',
            default_value='',
            description='configuration file; without it $FILESYNC_CONFIG, ~/.config/filesync/filesync.yaml or '
            '/etc/filesync/filesync.yaml',
        ),
        DeclareLaunchArgument('namespace', default_value='', description='namespace of the node'),
        DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn or error'),
        DeclareLaunchArgument(
            'params_file', default_value='', description='YAML file with parameters, see config/params.yaml'
        ),
        OpaqueFunction(function=make_node),
    ])
