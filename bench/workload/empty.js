process.stdout.write('out\n')
