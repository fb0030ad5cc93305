"""The HTTP API and the timeline page's server: asks the queue, shows what came of it. Makes no music itself."""
