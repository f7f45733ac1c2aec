wait leader
partition follower
write 20
heal
wait leader
write 1
