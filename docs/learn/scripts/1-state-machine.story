wait leader
write 3
wait 200ms
write 2
