wait leader
partition leader
wait leader
write 1
after 500ms heal
wait leader
write 1
