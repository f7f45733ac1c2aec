wait leader
write 40
add
wait leader
write 1
remove follower
wait leader
