from lib.demo.world import World as World
